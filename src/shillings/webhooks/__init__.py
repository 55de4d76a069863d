"""Webhooks: signing, the schedule, where deliveries may go (pure), and the deliverer that carries them there."""
