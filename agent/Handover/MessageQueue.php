<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\MessageQueue\PublisherInterface;
use MagentoEventBridge\Agent\Capture\Capture;

/**
 * Hands over through Magento's message queue, over the connection that the store has for it.
 */
class MessageQueue implements TransportInterface
{
    private const BROKER = 'message broker';

    /**
     * @var PublisherInterface
     */
    private $publisher;

    /**
     * @var QueueConnection
     */
    private $connection;

    /**
     * @var AfterResponse
     */
    private $afterResponse;

    public function __construct(
        PublisherInterface $publisher,
        QueueConnection $connection,
        AfterResponse $afterResponse
    ) {
        $this->publisher = $publisher;
        $this->connection = $connection;
        $this->afterResponse = $afterResponse;
    }

    /**
     * Tells whether the queue is in the database; a broker must not hear of what may be rolled back.
     */
    public function isTransactional(): bool
    {
        return !$this->connection->isBroker();
    }

    /**
     * Publishes each capture as a message of its own.
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
        $this->afterResponse->send(self::BROKER, $captures, function (array $captures): array {
            $this->publish($captures);
            return [];
        });
    }

    /**
     * Publishes the captures as JSON in a string, which Magento writes as JSON once more.
     *
     * @param Capture[] $captures
     * @return void
     */
    private function publish(array $captures): void
    {
        $this->connection->open();
        foreach ($captures as $capture) {
            $this->publisher->publish(QueueConnection::TOPIC, $capture->toJson(true));
        }
        $this->connection->confirm();
    }
}
