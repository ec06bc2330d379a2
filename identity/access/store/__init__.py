"""What the authorization server keeps: clients, people, tickets, grants, consents, revocations."""
