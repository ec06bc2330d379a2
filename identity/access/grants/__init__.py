"""The ways to get a token, and what can be done with one afterwards.

Spec: https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1 and https://datatracker.ietf.org/doc/html/rfc9700
"""
