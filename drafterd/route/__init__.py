"""Routes visitors to drafts: one adapter per proxy."""
