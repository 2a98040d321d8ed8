"""Files to transcribe and texts to speak, over HTTP: `/v1/audio`."""
