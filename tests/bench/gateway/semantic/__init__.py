"""What the evaluation of the semantic cache is made of: pairs with recorded verdicts, streams, and a cache to ask."""
