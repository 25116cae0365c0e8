"""What computes the verdicts of a class: the runner of one machine, or Dask workers on one machine or many."""
