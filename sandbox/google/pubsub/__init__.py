"""Pub/Sub on loopback, push subscriptions as Eventarc makes them."""
