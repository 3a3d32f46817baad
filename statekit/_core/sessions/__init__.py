"""Sessions: procedure P2 of docs/protocols.md, over any record driver."""
