"""For maintainers: the gate that every koan must pass, the files of a new koan, figures and facts."""
