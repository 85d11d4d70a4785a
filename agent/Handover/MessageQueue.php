<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use MagentoEventBridge\Agent\Capture\Capture;

/**
 * Hands over through Magento's message queue, by the store's own connection.
 */
class MessageQueue implements TransportInterface
{
    private const BROKER = 'message broker';

    /**
     * @var QueueConnection
     */
    private $connection;

    /**
     * @var AfterResponse
     */
    private $afterResponse;

    /**
     * @var CaptureEncoder
     */
    private $encoder;

    public function __construct(
        QueueConnection $connection,
        AfterResponse $afterResponse,
        CaptureEncoder $encoder
    ) {
        $this->connection = $connection;
        $this->afterResponse = $afterResponse;
        $this->encoder = $encoder;
    }

    /**
     * Returns whether a bridge can read the queue: it is in the database or in RabbitMQ.
     */
    public function isAvailable(): bool
    {
        return $this->connection->isInDatabase() || $this->connection->isBroker();
    }

    /**
     * Returns whether the queue is in the database; a broker must not get what may be rolled back.
     */
    public function isTransactional(): bool
    {
        return !$this->connection->isBroker();
    }

    /**
     * Publishes each capture as a separate message.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        if ($this->isTransactional()) {
            $this->publish($captures);
            return;
        }
        $publish = function (array $batch): array {
            return $this->connection->publish($batch);
        };
        $this->afterResponse->send(self::BROKER, $captures, $publish, true);
    }

    /**
     * Publishes the captures to the database as JSON in a string, which Magento encodes as JSON once more.
     *
     * @param Capture[] $captures
     * @return void
     */
    private function publish(array $captures): void
    {
        $bodies = [];
        foreach ($this->encoder->batches($captures, true) as $batch) {
            $bodies = array_merge($bodies, array_values($batch));
        }
        $this->connection->write($bodies);
    }
}
