<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\Amqp\ConfigFactory;
use Magento\Framework\Amqp\ConfigPool;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\MessageQueue\ConnectionTypeResolver;
use Magento\Framework\MessageQueue\MessageEncoder;
use Magento\Framework\MessageQueue\Publisher\ConfigInterface;
use MagentoEventBridge\Agent\Capture\Capture;
use PhpAmqpLib\Message\AMQPMessage;

/**
 * The store's connection to its message queue.
 *
 * Magento's publisher does not say whether a message has reached a queue: without one the database keeps a
 * message that is never read, and a broker drops it. So this class publishes captures to a broker, and
 * waits for its confirmation. That needs our own channel: an error closes the channel that it
 * happened on, and Magento's publishers and consumers share one.
 */
class QueueConnection
{
    /**
     * Topic and queue have the same name.
     */
    public const TOPIC = 'aws.eventbridge.events.send';

    private const BROKER = 'amqp';
    private const DATABASE = 'db';
    private const QUEUES = 'queue';
    private const CONFIRM_SECONDS = 3;
    private const PERSISTENT = 2;

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
     * @var ConfigFactory
     */
    private $newBrokers;

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var MessageEncoder
     */
    private $encoder;

    /**
     * @var \PhpAmqpLib\Channel\AMQPChannel|null
     */
    private $channel;

    /**
     * Our own connection, in the place of Magento's after that was lost.
     *
     * @var \Magento\Framework\Amqp\Config|null
     */
    private $ownBroker;

    /**
     * The number of messages that the broker refused since the last publishing.
     *
     * @var int
     */
    private $refused = 0;

    public function __construct(
        ConfigInterface $publishers,
        ConnectionTypeResolver $types,
        ConfigPool $brokers,
        ConfigFactory $newBrokers,
        ResourceConnection $resource,
        MessageEncoder $encoder
    ) {
        $this->publishers = $publishers;
        $this->types = $types;
        $this->brokers = $brokers;
        $this->newBrokers = $newBrokers;
        $this->resource = $resource;
        $this->encoder = $encoder;
    }

    /**
     * Returns whether the queue is in RabbitMQ.
     */
    public function isBroker(): bool
    {
        return $this->types->getConnectionType($this->publisher()->getName()) === self::BROKER;
    }

    /**
     * Returns whether the queue is in the store's database.
     */
    public function isInDatabase(): bool
    {
        return $this->types->getConnectionType($this->publisher()->getName()) === self::DATABASE;
    }

    /**
     * Checks that the database has the queue.
     *
     * @throws \RuntimeException if it has not
     */
    public function requireQueue(): void
    {
        $connection = $this->resource->getConnection();
        $select = $connection->select()
            ->from($this->resource->getTableName(self::QUEUES), 'id')
            ->where('name = ?', self::TOPIC);
        if (!$connection->fetchOne($select)) {
            throw new \RuntimeException(
                'there is no message queue ' . self::TOPIC . '; bin/magento setup:upgrade creates it'
            );
        }
    }

    /**
     * Publishes captures to the broker and waits for all confirmations.
     *
     * @param Capture[] $captures
     * @return void
     * @throws \Exception if there is no queue, or the broker does not confirm
     */
    public function publish(array $captures): void
    {
        try {
            $channel = $this->openQueue();
            $this->refused = 0;
            foreach ($captures as $capture) {
                $channel->basic_publish($this->message($capture), $this->publisher()->getExchange(), self::TOPIC);
            }
            $channel->wait_for_pending_acks(self::CONFIRM_SECONDS);
            if ($this->refused > 0) {
                throw new \RuntimeException('the broker refuses ' . $this->refused . ' messages');
            }
        } catch (\Throwable $failure) {
            $this->closeChannel();
            throw $failure;
        }
    }

    /**
     * Returns a channel to the queue, over a new connection if the former one was lost.
     *
     * A process can run longer than its connection: the broker restarts, or a firewall closes what is idle.
     * Magento keeps the lost connection until the process ends.
     *
     * @return \PhpAmqpLib\Channel\AMQPChannel
     */
    private function openQueue()
    {
        try {
            return $this->checkedChannel();
        } catch (\Throwable $failure) {
            $this->closeChannel();
            if ($this->broker()->getChannel()->getConnection()->isConnected()) {
                // The connection works, but not the queue.
                throw $failure;
            }
        }
        $this->ownBroker = $this->newBrokers->create(['connectionName' => $this->publisher()->getName()]);

        return $this->checkedChannel();
    }

    /**
     * Returns a channel after the broker has said that the queue is there.
     *
     * @return \PhpAmqpLib\Channel\AMQPChannel
     */
    private function checkedChannel()
    {
        $channel = $this->channel();
        $channel->queue_declare(self::TOPIC, true);

        return $channel;
    }

    /**
     * @return \Magento\Framework\Amqp\Config
     */
    private function broker()
    {
        return $this->ownBroker ?? $this->brokers->get($this->publisher()->getName());
    }

    /**
     * Returns the message that Magento's publisher would send.
     */
    private function message(Capture $capture): AMQPMessage
    {
        return new AMQPMessage(
            $this->encoder->encode(self::TOPIC, $capture->toJson(true)),
            ['delivery_mode' => self::PERSISTENT, 'message_id' => $capture->getId()]
        );
    }

    /**
     * Returns a channel in confirm mode, which is selected once for each channel.
     *
     * @return \PhpAmqpLib\Channel\AMQPChannel
     */
    private function channel()
    {
        if ($this->channel === null || !$this->channel->is_open()) {
            $channel = $this->broker()->getChannel()->getConnection()->channel();
            $channel->confirm_select();
            $channel->set_nack_handler(function (): void {
                $this->refused++;
            });
            $this->channel = $channel;
        }

        return $this->channel;
    }

    /**
     * Closes a channel on which something failed: answers to old messages must not reach later ones.
     */
    private function closeChannel(): void
    {
        $channel = $this->channel;
        $this->channel = null;
        try {
            if ($channel !== null && $channel->is_open()) {
                $channel->close();
            }
        } catch (\Throwable $failure) {
            // The connection is closed, and the channel with it.
            return;
        }
    }

    /**
     * Returns the connection that publishers of the topic use, with its name and its exchange.
     *
     * @return \Magento\Framework\MessageQueue\Publisher\Config\PublisherConnectionInterface
     */
    private function publisher()
    {
        return $this->publishers->getPublisher(self::TOPIC)->getConnection();
    }
}
