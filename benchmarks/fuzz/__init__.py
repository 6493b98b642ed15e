"""Bad input by the thousand: the contract under Schemathesis, uploads under mutated pictures."""
