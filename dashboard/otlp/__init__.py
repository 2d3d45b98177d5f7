"""Telemetry that Claude CLI workers send while they run, in OpenTelemetry's protocol (OTLP) over HTTP."""
