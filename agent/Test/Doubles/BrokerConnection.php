<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

/**
 * A connection to the broker, which can be lost; then even closing it fails, as with php-amqplib.
 */
class BrokerConnection
{
    public const CONNECT_SECONDS = 3;

    /**
     * @var bool
     */
    public $isLost = false;

    /**
     * @var Channel[]
     */
    public $channels = [];

    /**
     * @var Broker
     */
    public $broker;

    /**
     * @var bool
     */
    public $isClosedAtItsEnd = true;

    public function __construct(Broker $broker)
    {
        $this->broker = $broker;
    }

    public function set_close_on_destruct(bool $close): void
    {
        $this->isClosedAtItsEnd = $close;
    }

    public function close(): void
    {
        $this->check();
        $this->broker->answer(self::CONNECT_SECONDS);
        foreach ($this->channels as $channel) {
            $channel->close();
        }
    }

    /**
     * Fails if the connection is lost.
     */
    public function check(): void
    {
        if ($this->isLost) {
            throw new \RuntimeException('Broken pipe or closed connection');
        }
    }
}
