// The page to talk on.
