"""Service: authentication, idempotency, sealed secrets, webhooks, metrics and the doctor."""
