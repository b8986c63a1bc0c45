"""The provider's API as an emulator: what it answers and what it refuses."""
