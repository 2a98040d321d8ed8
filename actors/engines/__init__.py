"""One speech or language library per file, imported only when a provider that uses it is asked for."""
