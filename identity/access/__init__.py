"""The authorization server: who may do what, told by signed tokens.

``tokens`` makes and verifies them, ``scopes`` says what they allow, ``store`` keeps clients and grants, ``grants`` are
the ways to get a token, ``people`` signs persons in, ``web`` puts it all on HTTP.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/ and https://datatracker.ietf.org/doc/html/rfc9700
"""
