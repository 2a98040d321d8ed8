"""OpenAI's Realtime API in its present shape, as a codec over the same conversation that `/ws` holds."""
