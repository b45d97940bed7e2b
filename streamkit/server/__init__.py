"""The only place with listening sockets, tasks and real time."""
