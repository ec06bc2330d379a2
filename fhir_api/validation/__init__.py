"""Validation: is a resource what its definition says it has to be?"""
