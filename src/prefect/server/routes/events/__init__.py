"""Operations on events and automations."""
