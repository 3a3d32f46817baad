"""Upload tickets as plans: procedure P4 of docs/protocols.md."""
