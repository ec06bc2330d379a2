"""Signing people in: passwords, second factors, attempts, sessions, and the choice of a patient."""
