"""The gateway as plans: what it answers to a signed request, without a server and without a colour."""
