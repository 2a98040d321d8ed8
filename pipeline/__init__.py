"""The conversation itself, as plain synchronous code: events in, commands out.

Nothing here reads a clock, opens a socket, loads a model or knows of Ray. Time comes in as `now`, audio is counted in
samples, and every decision about a conversation is made here and tested here in milliseconds.
"""
