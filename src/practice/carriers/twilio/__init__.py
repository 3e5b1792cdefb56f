"""A carrier in the manner of Twilio: messages, numbers, webhooks with a signature."""
