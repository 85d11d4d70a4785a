"""A plain consumer: takes one message, sends one PutEvents call, acknowledges; for comparison.

python -m benchmarks.plain_consumer AMQP_URL QUEUE ENDPOINT COUNT
"""

import asyncio
import json
import sys

import aiormq
import boto3

from benchmarks.load import KEYS, route
from magento_eventbridge.captures import read_capture
from magento_eventbridge.catalog import event_of
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.envelope import build_entry


async def main() -> None:
    broker, queue, endpoint, number = sys.argv[1:]
    client = boto3.client(
        "events",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_access_key,
    )
    connection = await aiormq.connect(broker)
    channel = await connection.channel()
    for _ in range(int(number)):
        message = await channel.basic_get(queue)
        capture = read_capture(capture_text(message.body, ""))
        event = event_of(capture)
        assert event
        entry = build_entry(capture, event, route(endpoint))
        client.put_events(
            Entries=[
                {
                    "Source": entry.source,
                    "DetailType": entry.detail_type,
                    "Detail": entry.detail,
                    "Time": entry.time,
                }
            ]
        )
        await channel.basic_ack(message.delivery_tag or 0)
    await connection.close()
    print(json.dumps(int(number)))


asyncio.run(main())
