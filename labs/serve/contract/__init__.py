"""One contract for every server: a suite that attacks one, and tells what it held.

``python -m labs.serve.contract ADDRESS`` runs it.
"""
