"""Runs submitted code in a worker that cannot read or write files, connect, or send signals.

`submission` reads submitted files. `service` starts a `zygote`: a warm process that has seen no solution. It forks a
`worker` for each submission and notices with `reaper` when one ends. `confine` restricts the worker by `landlock` and
`seccomp`. The messages of `wire` carry `values` as plain data. `proxy` is the trusted side's end.
"""
