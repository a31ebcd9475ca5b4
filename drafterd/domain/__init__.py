"""The pure core: names, values, the planner. No I/O, no async, no clock, no logging."""
