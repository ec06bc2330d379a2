"""Signed tokens: keys, what a token says, how it is made and how it is verified.

Spec: https://datatracker.ietf.org/doc/html/rfc9068 and https://datatracker.ietf.org/doc/html/rfc8725
"""
