"""Rules on Questionnaires, and on the answers given to them.

Spec: https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/questionnaireresponse.html
"""
