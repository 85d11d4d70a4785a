<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Message\AMQPMessage;

/**
 * A channel to a broker that counts as php-amqplib and RabbitMQ do.
 *
 * The library counts messages from 1 each time that it asks for confirmations; the broker counts on. So a
 * channel that asks twice waits for messages that were confirmed under other numbers.
 */
class Channel
{
    /**
     * @var Broker
     */
    private $broker;

    /**
     * @var BrokerConnection
     */
    private $connection;

    /**
     * @var int
     */
    private $seconds;

    /**
     * @var bool
     */
    private $isOpen = true;

    /**
     * @var bool
     */
    private $isConfirming = false;

    /**
     * @var int
     */
    private $counted = 0;

    /**
     * @var int
     */
    private $countedByBroker = 0;

    /**
     * Numbers of messages that are not confirmed.
     *
     * @var bool[]
     */
    private $pending = [];

    /**
     * @var callable|null
     */
    private $onRefusal;

    /**
     * The parameters of php-amqplib's channel, which opens itself.
     *
     * @param BrokerConnection $connection
     * @param int|null $id
     * @param bool $isDecoding
     * @param int $seconds how long it waits for an answer; 0: without end
     */
    public function __construct(BrokerConnection $connection, $id = null, $isDecoding = true, $seconds = 0)
    {
        $this->broker = $connection->broker;
        $this->connection = $connection;
        $this->seconds = $seconds;
        $this->ask();
        $connection->channels[] = $this;
    }

    public function is_open(): bool
    {
        return $this->isOpen;
    }

    public function close(): void
    {
        $this->isOpen = false;
    }

    public function confirm_select(): void
    {
        $this->ask();
        $this->broker->asked[] = 'confirm';
        $this->isConfirming = true;
        $this->counted = 0;
    }

    public function queue_declare(string $queue, bool $isPassive): void
    {
        $this->ask();
        $this->broker->asked[] = ($isPassive ? 'is there ' : 'make ') . $queue;
        if (!$this->broker->hasQueue) {
            $this->isOpen = false;
            throw new \RuntimeException('NOT_FOUND - no queue');
        }
    }

    public function set_nack_handler(callable $handler): void
    {
        $this->onRefusal = $handler;
    }

    public function basic_publish(AMQPMessage $message, string $exchange, string $topic): void
    {
        if (!$this->isOpen) {
            throw new \RuntimeException('the channel is closed');
        }
        if (strlen($message->body) > $this->broker->maxMessage) {
            $this->isOpen = false;
            throw new AMQPProtocolChannelException('PRECONDITION_FAILED - message size', 406);
        }
        if ($this->isConfirming) {
            $this->pending[++$this->counted] = true;
            $this->countedByBroker++;
        }
        if ($exchange !== '' && !$this->broker->isBound) {
            // As RabbitMQ does: it confirms the message, and drops it.
            return;
        }
        $this->broker->published[] = [$topic, $message->body, $exchange, $message->properties];
    }

    public function wait_for_pending_acks(int $seconds): void
    {
        $this->broker->asked[] = 'wait';
        $this->broker->answer($seconds);
        if ($this->broker->refuses) {
            ($this->onRefusal)();
        }
        for ($number = $this->countedByBroker; $number > 0; $number--) {
            unset($this->pending[$number]);
        }
        if ($this->counted !== $this->countedByBroker || $this->pending) {
            throw new \RuntimeException('no confirmation within ' . $seconds . ' s');
        }
    }

    private function ask(): void
    {
        $this->connection->check();
        $this->broker->answer($this->seconds);
    }
}
