"""The loop: observe a draft, plan, perform; and what may be asked of it from outside."""
