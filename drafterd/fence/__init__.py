"""A program that stands around a build's command and gives it a network of its own.

It is started by `sandbox.network`, apart from the daemon, and once for each step: what it imports is
time that each step takes. So: nothing but the standard library, and little of that.
"""
