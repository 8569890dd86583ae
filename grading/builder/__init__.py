"""Authors' tools: notebooks from their sources, solved and rehearsed, and the pages that are
derived from them.
"""
