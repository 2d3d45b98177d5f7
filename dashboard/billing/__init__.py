"""What Anthropic says was used and billed: fetched, kept beside the calls, and compared with them."""
