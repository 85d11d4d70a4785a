<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

/**
 * A connection to the broker, which can be lost; then even closing it fails, as with php-amqplib.
 */
class BrokerConnection
{
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
    private $broker;

    public function __construct(Broker $broker)
    {
        $this->broker = $broker;
    }

    public function channel(): Channel
    {
        $this->check();

        return $this->channels[] = new Channel($this->broker, $this);
    }

    public function close(): void
    {
        $this->check();
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
