"""The parts of gpu_session.py: races (what is measured), journal (the results file), summary, and a pretended GPU."""
