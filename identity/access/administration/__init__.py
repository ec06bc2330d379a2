"""Looking after people, apps, roles, rules and grants: what the command line and the interface on HTTP both do."""
