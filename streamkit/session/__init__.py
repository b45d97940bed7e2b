"""Pure state machines: no sockets, no threads, no clock, no logging; time is an argument."""
