"""Speaking to services of other sites over HTTP: requests, answers that may be odd, tokens that expire."""
