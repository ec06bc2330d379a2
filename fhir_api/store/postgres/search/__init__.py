"""Searches as SQL.

``rows`` says which index rows a value finds, ``conditions`` turns clauses into conditions on one resource, ``drivers``
chooses where to start, ``order`` sorts and pages, ``run`` puts the statement together, ``includes`` follows references.
"""
