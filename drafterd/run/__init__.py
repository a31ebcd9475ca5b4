"""Runs instances under supervisord.

Nothing is imported here: the launcher and the plug-in, which run in other processes, need next to nothing.
"""
