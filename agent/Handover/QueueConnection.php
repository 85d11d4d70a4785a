<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\Amqp\Config;
use Magento\Framework\Amqp\ConfigPool;
use Magento\Framework\Amqp\Connection\Factory;
use Magento\Framework\Amqp\Connection\FactoryOptions;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\MessageQueue\ConnectionTypeResolver;
use Magento\Framework\MessageQueue\MessageEncoder;
use Magento\Framework\MessageQueue\Publisher\ConfigInterface;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;

/**
 * The store's connection to its message queue.
 *
 * Magento's publisher does not say whether a message has reached a queue: without one the database keeps a
 * message that is never read, and a broker drops it. It also writes to the database on a new connection when the former
 * one was lost with its transaction, and waits for locks without limit. So this class publishes captures itself.
 *
 * It publishes them to a broker over a connection of its own, and waits for the broker's confirmation: an error closes the
 * channel that it happened on, which Magento's publishers and consumers share, and when a process ends whose connection
 * was lost, Magento's own class fails.
 *
 * A broker confirms also what it drops because an exchange leads to no queue. So the messages go to the queue itself, by
 * the exchange without a name.
 */
class QueueConnection
{
    /**
     * Topic and queue have the same name.
     */
    public const TOPIC = 'aws.eventbridge.events.send';

    /**
     * The connection's name and its type. env.php may name other brokers, which the bridge does not read.
     */
    private const BROKER = 'amqp';
    private const DATABASE = 'db';
    private const TO_QUEUE = '';

    /**
     * A message and its place in the queue, as Magento's publisher writes them; neither, if there is no such queue.
     */
    private const MESSAGE = 'INSERT INTO %s (topic_name, body) SELECT name, ? FROM %s WHERE name = ?';
    private const PLACE = 'INSERT INTO %s (queue_id, message_id, status)'
        . ' SELECT id, LAST_INSERT_ID(), 2 FROM %s WHERE name = ?';

    /**
     * How long the broker has for each answer. php-amqplib waits without limit by default, also for a broker that is
     * suspended and keeps its connections.
     */
    private const ANSWER_SECONDS = 3;
    private const PERSISTENT = 2;

    /**
     * The broker's answer to a message that is larger than its max_message_size.
     */
    private const PRECONDITION_FAILED = 406;

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
     * @var Factory
     */
    private $connections;

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var MessageEncoder
     */
    private $encoder;

    /**
     * @var Statements
     */
    private $statements;

    /**
     * @var StatementSize
     */
    private $size;

    /**
     * @var AMQPChannel|null
     */
    private $channel;

    /**
     * @var \PhpAmqpLib\Connection\AbstractConnection|null
     */
    private $connection;

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
        Factory $connections,
        ResourceConnection $resource,
        MessageEncoder $encoder,
        Statements $statements,
        StatementSize $size
    ) {
        $this->publishers = $publishers;
        $this->types = $types;
        $this->brokers = $brokers;
        $this->connections = $connections;
        $this->resource = $resource;
        $this->encoder = $encoder;
        $this->statements = $statements;
        $this->size = $size;
    }

    /**
     * Returns whether the queue is in the RabbitMQ that the bridge reads.
     */
    public function isBroker(): bool
    {
        return $this->type() === self::BROKER && $this->name() === self::BROKER;
    }

    /**
     * Returns whether the queue is in the store's database.
     */
    public function isInDatabase(): bool
    {
        return $this->type() === self::DATABASE;
    }

    /**
     * Writes messages to the queue in the database: all of them, or none if the database cannot hold one.
     *
     * @param string[] $bodies
     * @return void
     * @throws \Exception if there is no queue, or the database does not accept a message
     */
    public function write(array $bodies): void
    {
        $connection = $this->resource->getConnection();
        $tables = [];
        foreach (['queue_message', 'queue_message_status', 'queue'] as $name) {
            $tables[$name] = $connection->quoteIdentifier($this->resource->getTableName($name));
        }
        $insertMessage = sprintf(self::MESSAGE, $tables['queue_message'], $tables['queue']);
        $insertPlace = sprintf(self::PLACE, $tables['queue_message_status'], $tables['queue']);
        $statements = [];
        foreach ($bodies as $body) {
            $message = $this->encoder->encode(self::TOPIC, $body);
            if (!$this->size->fits($connection, [$message])) {
                throw new \RuntimeException(
                    'a message is larger than the database accepts in a statement (' . StatementSize::SETTING . ')'
                );
            }
            $statements[] = [$insertMessage, [$message, self::TOPIC]];
            $statements[] = [$insertPlace, [self::TOPIC]];
        }
        if (in_array(0, $this->statements->write($connection, $statements), true)) {
            throw new \RuntimeException(
                'there is no message queue ' . self::TOPIC . '; bin/magento setup:upgrade creates it'
            );
        }
    }

    /**
     * Publishes captures to the broker and waits for all confirmations.
     *
     * @param string[] $batch the JSON of captures by their IDs
     * @return string[] the ID of a capture that the broker refuses as it is too large, in a batch of its own
     * @throws \Exception if there is no queue, or the broker does not confirm
     */
    public function publish(array $batch): array
    {
        try {
            $channel = $this->openQueue();
            $this->refused = 0;
            foreach ($batch as $id => $body) {
                $channel->basic_publish($this->message($id, $body), self::TO_QUEUE, self::TOPIC);
            }
            $channel->wait_for_pending_acks(self::ANSWER_SECONDS);
            if ($this->refused > 0) {
                throw new \RuntimeException('the broker refuses ' . $this->refused . ' messages');
            }
        } catch (\Throwable $failure) {
            $this->disconnectAfter($failure);
            if (count($batch) === 1 && $this->isTooLarge($failure)) {
                return array_keys($batch);
            }
            throw $failure;
        }

        return [];
    }

    private function isTooLarge(\Throwable $failure): bool
    {
        return $failure instanceof AMQPProtocolChannelException
            && $failure->getCode() === self::PRECONDITION_FAILED;
    }

    /**
     * Returns a channel to the queue, over a new connection if the former one was lost.
     *
     * A process can run longer than its connection: the broker restarts, or a firewall closes what is idle. A broker that
     * does not answer is not tried again.
     */
    private function openQueue(): AMQPChannel
    {
        $isUsed = $this->channel !== null;
        try {
            return $this->checkedChannel();
        } catch (\Throwable $failure) {
            $this->disconnectAfter($failure);
            if (!$isUsed || $failure instanceof AMQPTimeoutException) {
                throw $failure;
            }
        }

        return $this->checkedChannel();
    }

    /**
     * Returns a channel after the broker has said that the queue is there.
     */
    private function checkedChannel(): AMQPChannel
    {
        $channel = $this->channel();
        $channel->queue_declare(self::TOPIC, true);

        return $channel;
    }

    /**
     * Returns the message that Magento's publisher would send.
     */
    private function message(string $id, string $body): AMQPMessage
    {
        return new AMQPMessage(
            $this->encoder->encode(self::TOPIC, $body),
            ['delivery_mode' => self::PERSISTENT, 'message_id' => $id]
        );
    }

    /**
     * Returns a channel in confirm mode, which is selected once for each channel.
     */
    private function channel(): AMQPChannel
    {
        if ($this->channel === null || !$this->channel->is_open()) {
            $this->connection = $this->connect();
            $channel = new AMQPChannel($this->connection, null, true, self::ANSWER_SECONDS);
            $channel->confirm_select();
            $channel->set_nack_handler(function (): void {
                $this->refused++;
            });
            $this->channel = $channel;
        }

        return $this->channel;
    }

    /**
     * Connects as Magento does.
     *
     * @return \PhpAmqpLib\Connection\AbstractConnection
     */
    private function connect()
    {
        $config = $this->brokers->get(self::BROKER);
        $options = new FactoryOptions();
        $options->setHost((string)$config->getValue(Config::HOST));
        $options->setPort((string)$config->getValue(Config::PORT));
        $options->setUsername((string)$config->getValue(Config::USERNAME));
        $options->setPassword((string)$config->getValue(Config::PASSWORD));
        $options->setVirtualHost((string)($config->getValue(Config::VIRTUALHOST) ?? '/'));
        $options->setSslEnabled(trim((string)$config->getValue(Config::SSL)) === 'true');
        $tls = $config->getValue(Config::SSL_OPTIONS);
        if ($tls) {
            $options->setSslOptions($tls);
        }

        return $this->connections->create($options);
    }

    /**
     * Disconnects after a failure: answers to old messages must not reach later ones. A broker that does not answer is
     * not asked to close the connection.
     */
    private function disconnectAfter(\Throwable $reason): void
    {
        $connection = $this->connection;
        $this->connection = null;
        $this->channel = null;
        try {
            if ($connection === null) {
                return;
            }
            if ($reason instanceof AMQPTimeoutException) {
                $connection->set_close_on_destruct(false);
            } else {
                $connection->close();
            }
        } catch (\Throwable $failure) {
            // It is lost, which is why it is closed.
            return;
        }
    }

    /**
     * Returns the type of the connection; null if there is none, or Magento does not know its name.
     */
    private function type(): ?string
    {
        try {
            return $this->types->getConnectionType($this->name());
        } catch (LocalizedException $exception) {
            // The shop has disabled the publisher.
            return null;
        } catch (\LogicException $exception) {
            return null;
        }
    }

    /**
     * Returns the name of the connection that publishers of the topic use.
     */
    private function name(): string
    {
        return $this->publishers->getPublisher(self::TOPIC)->getConnection()->getName();
    }
}
