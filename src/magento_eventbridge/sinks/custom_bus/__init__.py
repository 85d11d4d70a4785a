"""The Custom Event Bus: AWS's bus of 2026 (API `eventbridgev2`), with order and deduplication."""
