"""From a settled source to a release: the queue of builds, their steps, what they leave."""
