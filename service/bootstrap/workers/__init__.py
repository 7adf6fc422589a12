"""Several processes that serve one port, and the parent that keeps them: it starts, replaces and ends them.

parent ── a reserved port, the page of the metrics
  ├── worker ── listens, decides, and looks after what is done once for all of them
  └── worker ── listens, decides
"""
