"""The stages of a conversation: each file is one actor, a plain class that obeys the pipeline and can be tested without Ray."""
