"""Looking after HL7 v2 interfaces: what an analyst and an operator see and do, over HTTP and on pages.

``desk`` is what can be done, ``api`` and ``pages`` are the two ways to it, ``entrance`` says who may,
``mount`` puts both beside the FHIR server.
"""
