"""What gpu_session.py is made of: races (what is measured), journal (as it goes), summary, a GPU that is pretended."""
