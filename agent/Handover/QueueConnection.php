<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\Amqp\ConfigPool;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\MessageQueue\ConnectionTypeResolver;
use Magento\Framework\MessageQueue\Publisher\ConfigInterface;

/**
 * The connection of Magento's message queue, and whether the queue took what was published.
 *
 * Magento's publisher says nothing of it: without a queue the database keeps a message that nobody ever
 * reads, and a broker throws it away.
 */
class QueueConnection
{
    /**
     * Topic and queue have the same name.
     */
    public const TOPIC = 'aws.eventbridge.events.send';

    private const BROKER = 'amqp';
    private const QUEUES = 'queue';
    private const CONFIRM_SECONDS = 3;

    /**
     * @var ConfigInterface
     */
    private $publishers;

    /**
     * @var ConnectionTypeResolver
     */
    private $types;

    /**
     * @var ConfigPool
     */
    private $brokers;

    /**
     * @var ResourceConnection
     */
    private $resource;

    public function __construct(
        ConfigInterface $publishers,
        ConnectionTypeResolver $types,
        ConfigPool $brokers,
        ResourceConnection $resource
    ) {
        $this->publishers = $publishers;
        $this->types = $types;
        $this->brokers = $brokers;
        $this->resource = $resource;
    }

    public function isBroker(): bool
    {
        return $this->types->getConnectionType($this->name()) === self::BROKER;
    }

    /**
     * Makes sure that there is a queue to publish to.
     *
     * @throws \Exception if there is none, or the broker does not answer
     */
    public function open(): void
    {
        if ($this->isBroker()) {
            $this->channel()->confirm_select();
            $this->channel()->queue_declare(self::TOPIC, true);
        } elseif (!$this->isInDatabase()) {
            throw new \RuntimeException(
                'there is no message queue ' . self::TOPIC . '; bin/magento setup:upgrade makes it'
            );
        }
    }

    /**
     * Waits until a broker has confirmed what was published; the database needs no asking.
     *
     * @throws \Exception if it does not
     */
    public function confirm(): void
    {
        if (!$this->isBroker()) {
            return;
        }
        $refused = 0;
        $this->channel()->set_nack_handler(function () use (&$refused): void {
            $refused++;
        });
        $this->channel()->wait_for_pending_acks(self::CONFIRM_SECONDS);
        if ($refused > 0) {
            throw new \RuntimeException('the broker refuses ' . $refused . ' messages');
        }
    }

    private function isInDatabase(): bool
    {
        $connection = $this->resource->getConnection();
        $select = $connection->select()
            ->from($this->resource->getTableName(self::QUEUES), 'id')
            ->where('name = ?', self::TOPIC);

        return (bool)$connection->fetchOne($select);
    }

    /**
     * Gives the channel that Magento's publisher uses, too.
     *
     * @return \PhpAmqpLib\Channel\AMQPChannel
     */
    private function channel()
    {
        return $this->brokers->get($this->name())->getChannel();
    }

    private function name(): string
    {
        return $this->publishers->getPublisher(self::TOPIC)->getConnection()->getName();
    }
}
